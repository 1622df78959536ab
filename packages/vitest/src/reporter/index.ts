export type { PosternKept, PosternLeak, PosternMeta, PosternSpan } from './meta.ts';
export type {
  PhaseTotals,
  Report,
  ReportCounters,
  ReportFallback,
  ReportFile,
  ReportHostStep,
  ReportKept,
  ReportLeak,
  ReportPhase,
  ReportRun,
  ReportSpan,
  ReportTest,
  ReportTotals,
  TestState,
} from './report.ts';
// biome-ignore lint/style/noDefaultExport: vitest takes the default export of a reporter that is named in its options
export { PosternReporter as default, type PosternReporterOptions } from './reporter.ts';
