import type { Reporter, TestModule } from 'vitest/node';

/** How a run of vitest ended, in numbers. */
export interface Counts {
  readonly files: number;
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
}

/** A vitest reporter that tells the counts to the process that started vitest, so that no file has to be left. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const counts: Counts = {
      files: modules.length,
      tests: states.length,
      passed: states.filter((state) => state === 'passed').length,
      failed: states.filter((state) => state === 'failed').length,
    };
    process.send?.(counts);
  }
}
