import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Comparison } from '../compare/result.js';
import type { Finding } from '../explain/finding.js';
import { writeCsvFile } from './csv.js';
import { findingJson, printJson } from './json.js';
import { differenceColumns, findingColumns } from './tables.js';

/**
 * Writes differences.csv, findings.csv and findings.json into a directory that exists. What the file system refuses is
 * thrown, with the path in its message.
 */
export async function writeComparison(
  dir: string,
  result: Comparison,
  findings: readonly Finding[],
): Promise<void> {
  await writeCsvFile(join(dir, 'differences.csv'), differenceColumns(result.epoch), result.differences);
  await writeCsvFile(
    join(dir, 'findings.csv'),
    findingColumns(),
    findings.map((finding, i) => ({ finding, number: i + 1 })),
  );
  const path = join(dir, 'findings.json');
  await writeFile(`${path}.part`, `${printJson(findings.map(findingJson), 2)}\n`);
  await rename(`${path}.part`, path);
}
