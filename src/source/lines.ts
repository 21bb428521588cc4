/** An input text cut into lines, kept so that a diagnostic can show the line that it is about. */
export interface SourceText {
  readonly file: string;
  /** Without their line ends; the last is never empty. */
  readonly lines: readonly string[];
}

/** Cuts at LF or CR LF; a leading byte order mark is dropped. */
export function readLines(text: string, file: string): SourceText {
  const lines = (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n');
  for (let i = 0; i < lines.length; i++) if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1);
  if (lines[lines.length - 1] === '') lines.pop();
  return { file, lines };
}
