/** One thing to be fuzzed. */
export interface FuzzTarget {
  readonly name: string;
  /** Where fuzzing starts. */
  readonly seeds: readonly Uint8Array[];
  /** What mutation may put in. */
  readonly words: readonly string[];
  /** Throws when something is not as promised. */
  run(input: Uint8Array): void | Promise<void>;
}

/** Something that must hold and does not. */
export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`broken promise: ${what}`);
}

/** Runs what may fail with an error of ours and with nothing else. Undefined when it did. */
export function orOurError<Value>(
  isOurs: (error: unknown) => boolean,
  action: () => Value,
): Value | undefined {
  try {
    return action();
  } catch (error) {
    if (!isOurs(error)) throw error;
    return undefined;
  }
}
