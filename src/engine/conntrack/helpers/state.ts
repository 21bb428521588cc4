import type { PptpState } from './pptp.js';
import type { SaneState } from './sane.js';
import type { SipState } from './sip/message.js';

/** What a helper remembers of a connection: `nfct_help_data()`. */
export type HelperState = SaneState | PptpState | SipState;
