/** One file of a suite, in milliseconds. */
export interface FileSample {
  /** From wanting a database to having a session in it that has answered. */
  readonly acquireMs: number;
  /** From the same moment to the answer to the file's own first statement. */
  readonly firstStatementMs: number;
  /** What the worker waits for at the end of the file. */
  readonly releaseMs: number;
}

export interface SuiteShape {
  /** Files of this worker. */
  readonly files: number;
  /** What a file does beside its queries. */
  readonly thinkMs: number;
  /** Before each file: loading it. */
  readonly gapMs: number;
}
