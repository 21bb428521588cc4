interface TableColumn {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly isNumber?: boolean;
  readonly show: (row: Row) => Child;
  /** For the search, what is shown where that is not a cell as it is. */
  readonly text?: (row: Row) => string;
}

/** A choice of rows beside the search. */
interface Choice {
  readonly title: string;
  readonly test: (row: Row) => boolean;
}

interface TableView {
  readonly name: TableName;
  /** What one row is, and more of them. */
  readonly noun: readonly [string, string];
  readonly columns: readonly TableColumn[];
  readonly choices: readonly Choice[];
  readonly rowClass?: (row: Row) => string;
  readonly csv: string;
}

interface TableControl {
  /** Shows what has all of the words, and of these what `test` wants. */
  narrow(
    words: string,
    extra?: { readonly title: string; readonly test: (row: Row) => boolean },
  ): Promise<void>;
}

const ROWS_A_PAGE = 25;
/** Paper has no next page of a table to ask for. */
const ROWS_PRINTED = 400;

/** A table with a search, choices and pages, in the place that the page has for it. */
function showTable(data: TableData, view: TableView): TableControl {
  const search = el('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
  const choice = el(
    'select',
    {},
    ...['all', ...view.choices.map((c) => c.title)].map((t, i) => el('option', { value: i }, t)),
  );
  const status = el('p', { class: 'status', role: 'status' });
  const clear = el('button', { type: 'button', hidden: true });
  const body = el('tbody');
  const head = el(
    'tr',
    {},
    ...view.columns.map((c) => el('th', { scope: 'col', class: c.isNumber === true && 'number' }, c.title)),
  );
  const table = el(
    'table',
    {},
    el('caption', { class: 'hidden' }, view.noun[1]),
    el('thead', {}, head),
    body,
  );
  const back = el('button', { type: 'button' }, 'Previous');
  const on = el('button', { type: 'button' }, 'Next');
  const place = document.querySelector(`[data-table="${view.name}"]`);
  const form = el(
    'form',
    { role: 'search', 'aria-label': `${view.noun[1]}: search` },
    el('label', {}, 'Search ', search),
    view.choices.length > 0 ? el('label', {}, 'Show ', choice) : null,
    clear,
  );
  place?.replaceChildren(
    form,
    status,
    el('div', { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': view.noun[1] }, table),
    el('div', { class: 'pages' }, back, on),
  );

  let places: readonly number[] | null = null;
  let page = 0;
  let isPrinted = false;
  let asked = 0;
  let extra: { readonly title: string; readonly test: (row: Row) => boolean } | null = null;

  const draw = async (): Promise<void> => {
    const mine = ++asked;
    const count = places?.length ?? data.held;
    const from = isPrinted ? 0 : page * ROWS_A_PAGE;
    const to = Math.min(count, from + (isPrinted ? ROWS_PRINTED : ROWS_A_PAGE));
    const rows: Row[] = [];
    for (let i = from; i < to; i++) rows.push(await data.row(places ? places[i] : i));
    if (mine !== asked) return;
    body.replaceChildren(...rows.map((row) => rowOf(view, row)));
    status.textContent = statusText(data, view, places, from, to);
    back.disabled = page === 0;
    on.disabled = to >= count;
    back.parentElement!.hidden = count <= ROWS_A_PAGE;
  };
  const filter = async (): Promise<void> => {
    const words = search.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const wanted = Number(choice.value) > 0 ? view.choices[Number(choice.value) - 1].test : null;
    const only = extra;
    clear.hidden = only === null;
    clear.textContent = only ? `${only.title} ✕` : '';
    const mine = ++asked;
    page = 0;
    if (words.length === 0 && !wanted && !only) places = null;
    else {
      const found = await data.search(
        (row) => (!wanted || wanted(row)) && (!only || only.test(row)) && hasWords(view, row, words),
        () => mine !== asked,
      );
      if (mine !== asked) return;
      places = found;
    }
    await draw();
  };
  const turn = (by: number): void => {
    page += by;
    void draw();
  };
  let typing = 0;
  search.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => void filter(), 150);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void filter();
  });
  choice.addEventListener('change', () => void filter());
  clear.addEventListener('click', () => {
    extra = null;
    search.focus();
    void filter();
  });
  back.addEventListener('click', () => turn(-1));
  on.addEventListener('click', () => turn(1));
  for (const event of ['beforeprint', 'afterprint'])
    addEventListener(event, () => {
      isPrinted = event === 'beforeprint';
      void draw();
    });
  void draw();
  return {
    narrow(words, only) {
      search.value = words;
      choice.value = '0';
      extra = only ?? null;
      return filter();
    },
  };
}

function rowOf(view: TableView, row: Row): HTMLElement {
  const cells = view.columns.map((c) => el('td', { class: c.isNumber === true && 'number' }, c.show(row)));
  return el('tr', { class: view.rowClass?.(row) ?? null }, ...cells);
}

/** Whether what is shown of a row, or lies behind it, has all of the words. */
function hasWords({ columns }: TableView, row: Row, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  let text = row.join('\n');
  for (const column of columns) if (column.text) text += `\n${column.text(row)}`;
  text = text.toLowerCase();
  return words.every((word) => text.includes(word));
}

function statusText(
  data: TableData,
  { noun, csv }: TableView,
  places: readonly number[] | null,
  from: number,
  to: number,
): string {
  const count = places?.length ?? data.held;
  const of = places ? ` of ${countText(data.held)}` : '';
  const what = `${countText(count)}${of} ${count === 1 && !places ? noun[0] : noun[1]}`;
  const range = to - from < count ? `; ${countText(from + 1)} to ${countText(to)} shown` : '';
  const left = data.total - data.held;
  return `${what}${range}${left > 0 ? `; ${countText(left)} more did not fit into this page, ${csv} has them` : ''}`;
}
