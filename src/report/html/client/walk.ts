type PageEvent = import('../data.js').PageEvent;

/** The same way in words, step by step: what the picture has no room for. */
function walkList({ title, events, omitted }: PageTrip): HTMLElement {
  const list = el('ol', { class: 'walk', 'aria-label': title });
  for (const event of events) list.append(el('li', { class: eventClass(event) }, ...eventParts(event)));
  if (omitted > 0) list.append(el('li', { class: 'note' }, `and ${countText(omitted)} more steps`));
  return list;
}

function eventClass(event: PageEvent): string {
  const depth = 'depth' in event ? ` depth-${Math.min(event.depth, 6)}` : '';
  const outcome = event.kind === 'rule' ? ` ${event.outcome}` : event.kind === 'end' ? ` ${event.end}` : '';
  return `${event.kind}${outcome}${depth}`;
}

const OUTCOME_SIGNS: Readonly<Record<string, string>> = {
  hit: '■ hit',
  miss: '○ missed',
  unknown: '? unknown',
  hotdrop: '✕ dropped',
};

function eventParts(event: PageEvent): Child[] {
  switch (event.kind) {
    case 'hook':
      return [el('strong', {}, event.hook), ' ', el('code', {}, event.packet)];
    case 'chain':
      return [el('strong', {}, event.chain), event.by === null ? null : ` from ${event.by}`];
    case 'skip':
      return [`${event.chain}: not asked (${event.reason})`];
    case 'rule':
      return [
        el('span', { class: 'sign' }, OUTCOME_SIGNS[event.outcome] ?? event.outcome),
        ' ',
        ruleLink(event.rule),
        ' ',
        el('code', {}, event.text),
        event.conditions.length === 0
          ? null
          : el('span', { class: 'conditions' }, event.conditions.join('; ')),
      ];
    case 'missed':
      return [`○ ${countText(event.count)} more rules missed`];
    case 'verdict':
      return [
        '⇒ ',
        el('strong', {}, event.verdict),
        ' by ',
        event.rule === null ? `the end of ${event.chain}` : ruleLink(event.rule),
      ];
    case 'change':
      return [
        `⇄ ${event.field}: `,
        el('del', {}, event.from),
        ' → ',
        el('ins', {}, event.to),
        ...(event.rule === null ? [] : [' by ', ruleLink(event.rule)]),
      ];
    case 'route':
      return [`routing: ${event.decision}`];
    case 'done':
      return [event.what];
    case 'end':
      return [
        el('strong', {}, event.end),
        event.reason === '' ? null : ` (${event.reason})`,
        ' ',
        el('code', {}, event.packet),
      ];
  }
}
