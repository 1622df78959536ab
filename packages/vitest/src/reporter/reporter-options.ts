import type { PosternReporterOptions } from './reporter.ts';

const known: Readonly<Record<keyof PosternReporterOptions, true>> = {
  terminal: true,
  html: true,
  json: true,
  summary: true,
};

/** What the reporter can be told. */
export const REPORTER_OPTIONS: readonly string[] = Object.keys(known);
