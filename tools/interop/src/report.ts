export interface Row {
  readonly area: string;
  readonly name: string;
  readonly durationMs: number;
  /** Absent: passed. */
  readonly failure?: string;
}

/** The table that `npm run interop` prints, and below it what went wrong. */
export function renderReport(rows: readonly Row[]): string {
  const areaWidth = Math.max(...rows.map(({ area }) => area.length), 4);
  const nameWidth = Math.max(...rows.map(({ name }) => name.length), 4);
  const lines = rows.map(({ area, name, durationMs, failure }) =>
    [
      failure === undefined ? 'ok  ' : 'FAIL',
      area.padEnd(areaWidth),
      name.padEnd(nameWidth),
      `${Math.round(durationMs)} ms`.padStart(8),
    ].join('  '),
  );
  const failed = rows.filter(({ failure }) => failure !== undefined);
  const details = failed.flatMap(({ area, name, failure }) => ['', `${area}: ${name}`, `  ${failure}`]);
  return [...lines, ...details, '', `${rows.length - failed.length} of ${rows.length} checks passed.`].join(
    '\n',
  );
}
