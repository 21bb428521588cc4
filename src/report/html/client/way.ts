type PageWalk = import('../data.js').PageWalk;

interface WayControl {
  /** Shows the way of a packet, or says why it cannot. */
  show(frame: number): Promise<void>;
}

/** The chooser of a packet, and its way. */
async function showWay(walks: TableData, packets: TableData): Promise<WayControl> {
  const frames: number[] = [];
  await walks.search(
    (row) => frames.push(Number(row[0])) < 0,
    () => false,
  );
  const sorted = [...frames].sort((a, b) => a - b);
  const input = el('input', { type: 'number', min: 1, step: 1, inputmode: 'numeric', required: true });
  const back = el('button', { type: 'button' }, 'Previous recorded');
  const on = el('button', { type: 'button' }, 'Next recorded');
  const form = el(
    'form',
    { class: 'chooser' },
    el('label', {}, 'Packet ', input),
    el('button', {}, 'Show'),
    back,
    on,
  );
  const said = el('p', { class: 'status', role: 'status' });
  const shown = el('div', { class: 'shown' });
  const note = `${countText(sorted.length)} ${sorted.length === 1 ? 'packet has its' : 'packets have their'} way recorded.`;
  byId('way-body').replaceChildren(el('p', { class: 'note' }, note), form, said, shown);

  const go = (frame: number | undefined): void => {
    if (frame !== undefined) location.hash = `packet=${frame}`;
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    go(Math.trunc(input.valueAsNumber));
  });
  back.addEventListener('click', () =>
    go(sorted.findLast((frame) => frame < (input.valueAsNumber || Infinity))),
  );
  on.addEventListener('click', () => go(sorted.find((frame) => frame > (input.valueAsNumber || 0))));

  const show = async (frame: number): Promise<void> => {
    input.value = String(frame);
    const row = await rowOfFrame(packets, frame);
    const place = frames.indexOf(frame);
    if (place < 0) {
      said.textContent = row
        ? `Packet ${frame}: its way is not recorded in this page. Ask for it: nfreplay why --packet ${frame} with the same captures and host.`
        : `Packet ${frame} is not in this page.`;
      shown.replaceChildren(...(row ? [aboutPacket(row)] : []));
      return;
    }
    const { trips } = JSON.parse(String((await walks.row(place))[1])) as PageWalk;
    said.textContent =
      trips.length === 0
        ? `Packet ${frame} started nothing: it holds no IP packet, or is the copy of one that went through the host before.`
        : `The way of packet ${frame}.`;
    shown.replaceChildren(...(row ? [aboutPacket(row)] : []), ...trips.map(tripElement));
  };
  if (sorted.length > 0) await show(frames[0]);
  return { show };
}

function tripElement(trip: PageTrip): HTMLElement {
  return el(
    'article',
    { class: 'trip' },
    el('h3', {}, trip.title),
    el(
      'div',
      { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': 'picture of the way' },
      drawTrip(trip),
    ),
    el(
      'p',
      { class: 'marks' },
      el('span', {}, el('i', {}, '■'), ' rule hit'),
      el('span', {}, '○ rule missed'),
      el('span', {}, '⇄ rewritten'),
      el('span', { class: 'screen' }, 'a rule says its name under the pointer, and below'),
    ),
    el('details', { open: true }, el('summary', {}, 'Step by step'), walkList(trip)),
  );
}

function aboutPacket(row: Row): HTMLElement {
  const facts: readonly (readonly [string, Child])[] = [
    ['time', momentText(row[1])],
    ['interface', deviceOf(row)],
    ['packet', `${protocolOf(row)} ${sourceOf(row)} → ${destinationOf(row)}`],
    ['after NAT', translatedOf(row)],
    ['verdict', String(row[10] ?? '')],
    ['by', ruleCell(row[11])],
    ['log lines', countText(row[13])],
  ];
  const given = facts.filter(([, value]) => value !== null && value !== '' && value !== '0');
  return el(
    'dl',
    { class: 'about' },
    ...given.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))),
  );
}

/** Rows are in order of their frames. */
async function rowOfFrame(packets: TableData, frame: number): Promise<Row | null> {
  let from = 0;
  let to = packets.held - 1;
  while (from <= to) {
    const middle = (from + to) >> 1;
    const row = await packets.row(middle);
    const number = Number(row[0]);
    if (number === frame) return row;
    if (number < frame) from = middle + 1;
    else to = middle - 1;
  }
  return null;
}
