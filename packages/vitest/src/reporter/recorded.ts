import type { PosternMeta, PosternRunMeta, TimedHostEvent } from './meta.ts';
import type { TestState } from './report.ts';

/** What the report is made of, without vitest's classes. Times are epoch milliseconds. */
export interface RecordedFile {
  readonly file: string;
  readonly project: string;
  readonly state: TestState;
  readonly run: PosternRunMeta;
  /** What vitest did before the first test: environment, setup files, import. */
  readonly importMs: number;
  readonly meta: PosternMeta | undefined;
  readonly tests: readonly RecordedTest[];
}

export interface RecordedTest {
  readonly name: string;
  readonly state: TestState;
  /** 0 for a test that did not run. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly meta: PosternMeta | undefined;
}

export interface RecordedRun {
  readonly vitest: string;
  readonly state: 'passed' | 'failed' | 'interrupted';
  readonly endedAt: number;
  readonly files: readonly RecordedFile[];
  /** By `run` of the files' {@link PosternRunMeta}. */
  readonly host: ReadonlyMap<string, readonly TimedHostEvent[]>;
}
