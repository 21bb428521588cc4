import type { Finding } from '../../explain/finding.js';
import { escapeControls } from '../../source/text.js';
import { suspectAddress } from '../suspect.js';
import { plural } from '../verdict.js';
import { wordsOf } from '../words.js';
import { markup, type Markup, raw } from './markup.js';

const MOST_EVIDENCE = 12;

/** What explains the differences, best first, each with its evidence. */
export function findingsMarkup(findings: readonly Finding[], differences: number): Markup {
  if (findings.length === 0)
    return markup`<p>${differences === 0 ? 'There is nothing to explain.' : 'No explanation was found.'}</p>`;
  return markup`<ol class="findings">
    ${findings.map((finding, i) => findingMarkup(finding, differences, i === 0))}
  </ol>`;
}

/** @param isFirst its evidence is shown, that of the others when it is asked for */
function findingMarkup(finding: Finding, differences: number, isFirst: boolean): Markup {
  const { title, statement, advice } = wordsOf(finding);
  const { evidence, suspect } = finding;
  const sure = Math.round(finding.confidence * 100);
  const more = evidence.length - MOST_EVIDENCE;
  return markup`<li>
    <h3>${title}</h3>
    <p class="statement">${escapeControls(statement)}</p>
    <p>${escapeControls(advice)}</p>
    <p class="facts">
      explains ${finding.explains} of ${differences} ${plural(differences, 'difference')}, leaves
      ${finding.left};
      <label>confidence <meter min="0" max="100" value="${sure}">${sure} %</meter> ${sure} %</label
      >${suspectMarkup(suspect)}
    </p>
    ${
      evidence.length === 0
        ? null
        : markup`<details${isFirst ? raw(' open') : null}>
            <summary>Evidence</summary>
            <ul class="evidence">
              ${evidence.slice(0, MOST_EVIDENCE).map(({ frame, text }) => markup`<li>${frame > 0 ? markup`${packetLink(frame)}: ` : null}<code>${escapeControls(text)}</code></li>`)}${more > 0 ? markup`<li>and ${more} more, in findings.json</li>` : null}
            </ul>
          </details>`
    }
  </li>`;
}

function suspectMarkup(suspect: Finding['suspect']): Markup | null {
  if (suspect === null) return null;
  const address = escapeControls(suspectAddress(suspect));
  if (!('chain' in suspect)) return markup`; suspect: <code>${address}</code>`;
  return markup`; suspect: <a href="#rule=${encodeURIComponent(address)}"><code>${address}</code></a>
    <code>${escapeControls(suspect.text)}</code>`;
}

function packetLink(frame: number): Markup {
  return markup`<a href="#packet=${frame}">packet ${frame}</a>`;
}
