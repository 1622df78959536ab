import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { Reporter, TestModule, TestRunEndReason, Vitest } from 'vitest/node';
import { checkKnown } from '../options.ts';
import { buildReport } from './build-report.ts';
import { reportPage } from './page/report-page.ts';
import { openRecorder, type Recorder } from './recorder.ts';
import type { Report } from './report.ts';
import { REPORTER_OPTIONS } from './reporter-options.ts';
import { stepSummary } from './step-summary.ts';
import { tellsSomething } from './summary-facts.ts';
import { terminalSummary } from './terminal-summary.ts';

export interface PosternReporterOptions {
  /** A dozen lines after vitest's own. Default true; without a database in the run there are none. */
  readonly terminal?: boolean;
  /**
   * The page: true for `postern-report/index.html` in vitest's root, or a path from there. Default true.
   */
  readonly html?: boolean | string;
  /** The {@link Report} as JSON: true for `postern-report/report.json`, or a path. Default false. */
  readonly json?: boolean | string;
  /** Markdown for GitHub's job page: true (default) where `GITHUB_STEP_SUMMARY` names a file, or the path of one. */
  readonly summary?: boolean | string;
}

const DEFAULT_PAGE = 'postern-report/index.html';
const DEFAULT_JSON = 'postern-report/report.json';

/**
 * Tells where the time of a run went: environment, template, acquire, reset, connect, test body. For
 * `reporters: ['default', '@postern/vitest/reporter']`, or by `postern({ reporter: true })`.
 *
 * It never fails a run: a report that cannot be written is a line on the terminal.
 */
export class PosternReporter implements Reporter {
  readonly #options: PosternReporterOptions;
  #vitest: Vitest | undefined;
  #recorder: Recorder | undefined;

  /** @throws PosternVitestError `VITEST_OPTIONS_INVALID` */
  constructor(options: PosternReporterOptions = {}) {
    checkKnown(options, REPORTER_OPTIONS);
    this.#options = options;
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    const { shard } = vitest.config;
    this.#recorder?.close();
    const recorder = openRecorder(shard === undefined ? '' : `${shard.index}/${shard.count}`);
    this.#recorder = recorder;
    vitest.onClose(() => recorder.close());
  }

  onTestRunStart(): void {
    this.#recorder?.begin();
  }

  onTestModuleQueued(module: TestModule): void {
    this.#recorder?.queued(module);
  }

  onTestModuleStart(module: TestModule): void {
    this.#recorder?.started(module);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#recorder?.ended(module);
  }

  async onTestRunEnd(
    modules: readonly TestModule[],
    _errors: unknown,
    reason: TestRunEndReason,
  ): Promise<void> {
    const vitest = this.#vitest;
    const recorder = this.#recorder;
    if (vitest === undefined || recorder === undefined || modules.length === 0) return;
    try {
      await this.#tell(
        vitest,
        buildReport(recorder.finish(modules, { vitest: vitest.version, state: reason })),
      );
    } catch (error) {
      vitest.logger.error(
        `Postern's report could not be made: ${String((error as Error)?.message ?? error)}`,
      );
    }
  }

  async #tell(vitest: Vitest, report: Report): Promise<void> {
    const { terminal = true, html = true, json = false, summary = true } = this.#options;
    const { root } = vitest.config;
    const written: string[] = [];
    const write = async (choice: boolean | string, usual: string, content: () => string): Promise<void> => {
      if (choice === false) return;
      const file = resolve(root, choice === true ? usual : choice);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content());
      written.push(relative(process.cwd(), file));
    };
    try {
      await write(html, DEFAULT_PAGE, () => reportPage(report));
      await write(json, DEFAULT_JSON, () => `${JSON.stringify(report)}\n`);
      const page = summary === true ? process.env['GITHUB_STEP_SUMMARY'] : summary;
      if (page && tellsSomething(report)) await appendFile(resolve(root, page), stepSummary(report));
    } finally {
      if (terminal && tellsSomething(report)) {
        vitest.logger.log(`\n${terminalSummary(report, { colors: usesColors(), written })}\n`);
      }
    }
  }
}

function usesColors(): boolean {
  return process.stdout.isTTY === true && !process.env['NO_COLOR'];
}
