import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAPTURE, HOST, LOG } from '../../cli/examples.js';
import { run } from '../../cli/run.js';
import { hasChromium, launch, open, shows } from './browser.js';

const EVIL = '<script>alert(1)</script>';
const EVIL_COMMENT = '</script><img src=x onerror=alert(2)>&amp;';

describe.skipIf(!hasChromium)('report.html in Chromium (needs chromium)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'nfreplay-page-'));
  const file = join(dir, 'plain/report.html');
  const evil = join(dir, 'evil/report.html');
  let browser: Browser;

  beforeAll(async () => {
    const base = `compare ${CAPTURE} --host ${HOST} --search 0`;
    const log = join(dir, 'kernel.log');
    // One line is gone, and one says otherwise.
    const lines = readFileSync(LOG, 'utf8').split('\n');
    lines[6] = lines[6].replace('TTL=63', 'TTL=62');
    lines.splice(3, 1);
    writeFileSync(log, lines.join('\n'));
    await run(`${base} --log ${log} --out ${join(dir, 'plain')}`);

    const rules = join(dir, 'rules.txt');
    const text = readFileSync(`${HOST}/iptables-save.txt`, 'utf8')
      .replace('BEFORE FORWARD: ', EVIL)
      .replaceAll('DOCKER-USER', '<b>USER</b>')
      .replace(/^(.*-A FORWARD )(-j \S*USER\S*)$/m, `$1-m comment --comment "${EVIL_COMMENT}" $2`);
    writeFileSync(rules, text);
    expect(text).toContain(EVIL_COMMENT);
    await run(`${base} --rules ${rules} --log ${log} --out ${join(dir, 'evil')}`);
    browser = await launch();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(['light', 'dark'] as const)('opens from disk without a complaint (%s)', async (theme) => {
    const { page, complaints } = await open(browser, file, '', theme);
    expect(await page.textContent('h1')).toBe(
      "2 differences from the host's log: 31 predicted lines, 30 logged.",
    );
    const paper = await page.evaluate(`getComputedStyle(document.body).backgroundColor`);
    expect(paper).toBe(theme === 'light' ? 'rgb(251, 251, 250)' : 'rgb(20, 23, 27)');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows the way of a packet that is chosen, with its translation, and has an address for it', async () => {
    const { page, complaints } = await open(browser, file);
    await page.locator('#packets').getByRole('link', { name: 'way of packet 1', exact: true }).click();
    await shows(page, '#way .status', 'The way of packet 1.');
    expect(page.url()).toMatch(/#packet=1$/);
    const picture = page.locator('#way .picture').first();
    expect(await picture.locator('.box.lit .name').allTextContents()).toEqual([
      'received',
      'PREROUTING',
      'routing',
      'FORWARD',
      'POSTROUTING',
      'sent',
    ]);
    expect(await picture.locator('.change').allTextContents()).toContainEqual(
      expect.stringMatching(/198\.51\.100\.2 → 172\.17\.0\.2 by nat:DOCKER/),
    );
    expect(await picture.locator('.mark.hit').count()).toBeGreaterThan(2);
    expect(await picture.locator('.mark.miss').count()).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('shows the packet that its address names, and says so where there is none', async () => {
    const { page } = await open(browser, file, '#packet=10');
    await shows(page, '#way .status', 'packet 10');
    await page.goto(`file://${file}#packet=4711`);
    await shows(page, '#way .status', 'Packet 4711 is not in this page.');
    await page.close();
  });

  it('finds packets, and goes on from a verdict to its rule', async () => {
    const { page, complaints } = await open(browser, file);
    const packets = page.locator('#packets');
    await packets.getByRole('searchbox').fill('198.51.100.9 docker0');
    const csv = readFileSync(join(dir, 'plain/packets.csv'), 'utf8').split('\r\n');
    const wanted = csv.filter((line) => line.includes('198.51.100.9') && line.includes('docker0'));
    await shows(page, '#packets .status', `${wanted.length} of 66`);
    await packets.getByRole('searchbox').fill('');
    await packets.getByRole('combobox').selectOption({ label: 'accepted' });
    // The count tells that the table on the page is that of the new filter, whose links stay where they are.
    const accepted = csv.filter((line) => line.includes(',ACCEPT,'));
    await shows(page, '#packets .status', `${accepted.length} of 66`);
    const rule = packets.locator('tbody code a').first();
    const address = await rule.textContent();
    await rule.click();
    await shows(page, '#rules .status', '1 of ');
    expect(await page.locator('#rules tbody tr td:first-child').allTextContents()).toEqual([address]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('finds by what is shown, too: a protocol by name, an end with its port, a time in seconds', async () => {
    const { page } = await open(browser, file);
    const search = page.locator('#packets').getByRole('searchbox');
    const csv = readFileSync(join(dir, 'plain/packets.csv'), 'utf8').split('\r\n');
    const wanted = csv.filter((line) => /,vethc0,.*,198\.51\.100\.9,.*,55180,/.test(line));
    for (const [words, count] of [
      ['tcp', 66],
      ['198.51.100.9:55180 vethc0', wanted.length],
      ['no such thing', 0],
    ] as const) {
      await search.fill(words);
      await shows(page, '#packets .status', `${count} of 66 packets`);
    }
    const [time] = await page.locator('#lines tbody tr:nth-child(3) time').allTextContents();
    await page.locator('#lines').getByRole('searchbox').fill(time);
    await shows(page, '#lines .status', ' of ');
    expect(await page.locator('#lines tbody time').allTextContents()).toContain(time);
    await page.close();
  });

  it.each([
    ['narrow', 390],
    ['wide', 1600],
  ])('needs no scrolling sideways on a %s screen', async (_, width) => {
    const { page } = await open(browser, file, '#packet=1');
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate(`document.documentElement.scrollWidth <= innerWidth`)).toBe(true);
    await page.close();
  });

  it('marks the differences in the time line, and leads from there to their lines', async () => {
    const { page } = await open(browser, file);
    expect(await page.locator('.timeline rect.only-simulated').count()).toBe(1);
    await shows(page, '#lines .status', '31 lines');
    await page.locator('.timeline a[tabindex="0"]').first().focus();
    await page.keyboard.press('Enter');
    await shows(page, '#lines .status', ' of ');
    expect(await page.locator('#lines tbody .badge').allTextContents()).toContain('only simulated');
    expect(await page.evaluate(`document.activeElement.id`)).toBe('lines-title');
    await page.close();
  });

  it("puts the host's counters beside the simulated ones, and dims what nothing matched", async () => {
    const { page } = await open(browser, file);
    await page.locator('#rules').getByRole('combobox').selectOption({ label: 'never matched' });
    await shows(page, '#rules .status', ' of ');
    const rows = page.locator('#rules tbody tr');
    expect(await rows.count()).toBe(await page.locator('#rules tbody tr.dead').count());
    expect(await rows.count()).toBeGreaterThan(0);
    expect(await page.locator('#rules th').allTextContents()).toContain('host packets');
    await page.close();
  });

  it('has a name for everything that can be operated', async () => {
    const { page } = await open(browser, file, '#packet=1');
    const nameless =
      await page.evaluate(`[...document.querySelectorAll('a, button, input, select, svg, [role=region], table')]
      .filter((e) => !e.closest('[hidden]') && !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
      .map((e) => e.outerHTML)`);
    expect(nameless).toEqual([]);
    expect(await page.evaluate(`document.querySelectorAll('h1').length`)).toBe(1);
    await page.close();
  });

  it('is the page of a replay where no log was given', async () => {
    await run(`replay ${CAPTURE} --host ${HOST} --out ${join(dir, 'replay')}`);
    const { page, complaints } = await open(browser, join(dir, 'replay/report.html'), '#packet=1');
    expect(await page.textContent('h1')).toBe('22 packets: 22 ACCEPT; 31 log lines predicted.');
    await shows(page, '#way .status', 'The way of packet 1.');
    const routing = page.locator('#way .picture .box.lit', { hasText: /^routing/ });
    expect(await routing.locator('.change').allTextContents()).toEqual([
      expect.stringContaining('ip.ttl: 64 → 63'),
    ]);
    expect(await page.locator('#findings, #differences').count()).toBe(0);
    await shows(page, '#lines .status', '31 lines');
    expect(new Set(await page.locator('#lines tbody .badge').allTextContents())).toEqual(
      new Set(['predicted']),
    );
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('prints the report without its controls', async () => {
    const { page } = await open(browser, file);
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('#packets form').isVisible()).toBe(false);
    expect(await page.locator('h1').isVisible()).toBe(true);
    await page.close();
  });

  it('prints what the screen has on pages and in folds, and goes back to the screen', async () => {
    const { page, complaints } = await open(browser, file);
    await shows(page, '#packets .status', '66 packets; 1 to 25 shown');
    await page.locator('#way details summary').click();
    await page.evaluate(`dispatchEvent(new Event('beforeprint'))`);
    await shows(page, '#packets .status', /^66 packets$/);
    expect(await page.locator('#packets tbody tr').count()).toBe(66);
    expect(await page.locator('details:not([open])').count()).toBe(0);
    await page.evaluate(`dispatchEvent(new Event('afterprint'))`);
    await shows(page, '#packets .status', '66 packets; 1 to 25 shown');
    expect(await page.locator('#way details:not([open])').count()).toBe(1);
    expect((await page.pdf({ format: 'A4' })).subarray(0, 5).toString()).toBe('%PDF-');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('keeps text from outside as text', async () => {
    const { page, complaints } = await open(browser, evil, '#packet=1');
    await shows(page, '#way .status', 'The way of packet 1.');
    const text = await page.locator('#way').textContent();
    expect(text).toContain(EVIL);
    expect(text).toContain(EVIL_COMMENT);
    expect(await page.locator('#lines').textContent()).toContain(EVIL);
    expect(await page.locator('#rules').textContent()).toContain('<b>USER</b>');
    expect(await page.locator('#main img, #main script, #main b').count()).toBe(0);
    expect(complaints).toEqual([]);
    const source = readFileSync(evil, 'utf8');
    expect(source).not.toContain(EVIL);
    expect(source).not.toContain('onerror');
    await page.close();
  });
});
