/** A failure of the runtime itself, named `Runtime.<Reason>`. */
export class RuntimeError extends Error {
  constructor(reason: string, message: string) {
    super(message);
    this.name = `Runtime.${reason}`;
  }
}

export interface ErrorBody {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** What a failed function answers: an error's name, message and stack, or the type of what was thrown. */
export function errorBody(error: unknown): ErrorBody {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}
