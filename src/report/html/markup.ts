/** Text that is HTML already. */
export interface Markup {
  readonly html: string;
}

type Part = string | number | null | Markup | readonly Part[];

/** HTML from a template: everything put in is text, unless it is `Markup` itself; lists are joined, null is nothing. */
export function markup(fixed: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { html: String.raw({ raw: fixed }, ...parts.map(textOf)) };
}

function textOf(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escapeHtml(part);
  return 'html' in part ? part.html : part.map(textOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** HTML that was made elsewhere. */
export function raw(html: string): Markup {
  return { html };
}

/** Text made safe in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c]);
}

/** JSON that may stand in a script element: no `<` ends the element or begins a comment. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
