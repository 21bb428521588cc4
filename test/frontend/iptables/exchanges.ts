/** A command of a recorded session, and what it printed. */
export interface Exchange {
  readonly command: string;
  readonly said: string;
}

/** A session as it was on a terminal: `$ command`, then what it said. */
export function exchanges(text: string): Exchange[] {
  const [, ...parts] = text.split(/^\$ /m);
  return parts.map((part) => {
    const end = part.indexOf('\n');
    return { command: part.slice(0, end), said: part.slice(end + 1) };
  });
}
