import type { Passage } from '../../../passage.js';
import type { ConnectionEntry } from '../../entry.js';
import type { HelperHost } from '../helper.js';
import { edited, type SipText, type Span } from './text.js';

export interface SipState {
  readonly of: 'sip';
  /** The sequence numbers (CSeq) of the last requests that answers are to be of. */
  invite: number;
  register: number;
  /** Where the client listens for answers, where that is not where it sends from; 0: it is. */
  answersTo: number;
}

/** A message on its way. */
export interface Message {
  /** As far as it has been translated. */
  sip: SipText;
  readonly passage: Passage;
  readonly entry: ConnectionEntry;
  readonly state: SipState;
  readonly host: HelperHost;
  /** Addresses of its connection are translated, and those in it are then, too. */
  readonly isTranslated: boolean;
  /** Bytes that its packet may become longer by. */
  room: number;
}

/** Puts other text in the place of some, `mangle_packet()`. False: the packet would become too long. */
export function put(message: Message, span: Span, text: string): boolean {
  const more = text.length - span.length;
  if (more > 0 && more > message.room) return false;
  message.room -= more;
  message.sip = edited(message.sip, span, text);
  return true;
}
