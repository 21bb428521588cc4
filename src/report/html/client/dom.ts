type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** An element with attributes (`false` and null: none) and children; strings become text, never markup. */
function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(name), attributes, children);
}

/** The same for a picture. */
function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  element.append(...children.filter((child) => child !== null));
  return element;
}

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no ${id}`);
  return element;
}

function link(hash: string, text: string, attributes: Attributes = {}): HTMLAnchorElement {
  return el('a', { href: `#${hash}`, ...attributes }, text);
}

function packetLink(frame: number): HTMLAnchorElement {
  return link(`packet=${frame}`, String(frame), { 'aria-label': `way of packet ${frame}` });
}

function ruleLink(address: string): HTMLElement {
  return el('code', { class: 'short' }, link(`rule=${encodeURIComponent(address)}`, address));
}
