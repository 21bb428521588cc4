/** A pair that may be made, and what it costs. */
export interface Edge {
  readonly row: number;
  readonly column: number;
  /** 0 up to, not including, twice ALONE. */
  readonly cost: number;
}

/** What leaving a row or a column alone costs: a pair is made where it costs less than leaving both alone. */
export const ALONE = 7;
/** Beyond this size a component is paired cheapest edge first. */
const LARGEST = 96;

/**
 * Pairs rows with columns so that the sum of costs (those of what is left alone included) is least, a connected
 * component at a time (the Hungarian method with potentials, O(n³) up to LARGEST; larger ones cheapest first).
 * @returns the chosen edges
 */
export function assign(edges: readonly Edge[]): Edge[] {
  return components(edges).flatMap((component) => {
    const rows = [...new Set(component.map((e) => e.row))];
    const columns = [...new Set(component.map((e) => e.column))];
    if (component.length === 1) return component;
    return Math.max(rows.length, columns.length) > LARGEST
      ? cheapestFirst(component)
      : hungarian(component, rows, columns);
  });
}

function components(edges: readonly Edge[]): Edge[][] {
  /** Rows are even numbers, columns odd ones. */
  const parent = new Map<number, number>();
  const find = (x: number): number => {
    let root = x;
    for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) root = up;
    for (let at = x; at !== root;) {
      const up = parent.get(at) ?? root;
      parent.set(at, root);
      at = up;
    }
    return root;
  };
  for (const { row, column } of edges) parent.set(find(2 * row), find(2 * column + 1));
  const groups = new Map<number, Edge[]>();
  for (const edge of edges) {
    const root = find(2 * edge.row);
    const group = groups.get(root);
    if (group) group.push(edge);
    else groups.set(root, [edge]);
  }
  return [...groups.values()];
}

function cheapestFirst(edges: readonly Edge[]): Edge[] {
  const rows = new Set<number>();
  const columns = new Set<number>();
  return [...edges]
    .sort((a, b) => a.cost - b.cost)
    .filter(({ row, column }) => {
      if (rows.has(row) || columns.has(column)) return false;
      rows.add(row);
      columns.add(column);
      return true;
    });
}

/** A square of rows+columns: the lower right corner is free, so that anything may stay alone. */
function hungarian(edges: readonly Edge[], rows: readonly number[], columns: readonly number[]): Edge[] {
  const size = rows.length + columns.length;
  const rowAt = new Map(rows.map((r, i) => [r, i]));
  const columnAt = new Map(columns.map((c, i) => [c, i]));
  const cost = new Float64Array(size * size);
  const edgeAt = new Map<number, Edge>();
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      cost[i * size + j] =
        i >= rows.length && j >= columns.length
          ? 0
          : i < rows.length && j < columns.length
            ? 3 * ALONE
            : ALONE;
  for (const edge of edges) {
    const at = rowAt.get(edge.row)! * size + columnAt.get(edge.column)!;
    if (edge.cost >= cost[at]) continue;
    cost[at] = edge.cost;
    edgeAt.set(at, edge);
  }
  const columnOf = solveSquare(cost, size);
  const chosen: Edge[] = [];
  for (let i = 0; i < rows.length; i++) {
    const edge = edgeAt.get(i * size + columnOf[i]);
    if (edge) chosen.push(edge);
  }
  return chosen;
}

function solveSquare(cost: Float64Array, n: number): Int32Array {
  const rowPotential = new Float64Array(n + 1);
  const columnPotential = new Float64Array(n + 1);
  const rowOf = new Int32Array(n + 1);
  const way = new Int32Array(n + 1);
  for (let i = 1; i <= n; i++) {
    rowOf[0] = i;
    let at = 0;
    const least = new Float64Array(n + 1).fill(Infinity);
    const used = new Uint8Array(n + 1);
    do {
      used[at] = 1;
      const row = rowOf[at];
      let delta = Infinity;
      let next = 0;
      for (let j = 1; j <= n; j++) {
        if (used[j]) continue;
        const reduced = cost[(row - 1) * n + j - 1] - rowPotential[row] - columnPotential[j];
        if (reduced < least[j]) {
          least[j] = reduced;
          way[j] = at;
        }
        if (least[j] < delta) {
          delta = least[j];
          next = j;
        }
      }
      for (let j = 0; j <= n; j++) {
        if (used[j]) {
          rowPotential[rowOf[j]] += delta;
          columnPotential[j] -= delta;
        } else least[j] -= delta;
      }
      at = next;
    } while (rowOf[at] !== 0);
    do {
      const previous = way[at];
      rowOf[at] = rowOf[previous];
      at = previous;
    } while (at !== 0);
  }
  const columnOf = new Int32Array(n);
  for (let j = 1; j <= n; j++) columnOf[rowOf[j] - 1] = j - 1;
  return columnOf;
}
