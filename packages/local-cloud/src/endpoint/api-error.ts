/** An error that a simulated service answers with, in AWS's words. The protocol decides its form on the wire. */
export class ApiError extends Error {
  override readonly name: string = 'ApiError';
  readonly code: string;
  readonly status: number;
  /** Modelled members beside the message, as `Reason` of TooManyRequestsException. */
  readonly details: Readonly<Record<string, string>>;

  constructor(code: string, status: number, message: string, details: Record<string, string> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

/** The sentence of API front ends for values outside the model, one or many. */
export function validationMessage(problems: readonly string[]): string {
  const count = problems.length;
  return `${count} validation error${count === 1 ? '' : 's'} detected: ${problems.join('; ')}`;
}
