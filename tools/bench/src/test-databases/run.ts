/** What every part of the bench gets beside its own settings. */
export interface Run {
  /** Aborted by Ctrl-C; then everything that was started is ended in order. */
  readonly signal: AbortSignal;
  /** Says on stderr what is being measured. */
  progress(text: string): void;
  readonly quick: boolean;
}
