import { type ErrorKind, PosternVitestError } from './errors.ts';

/** The shape that errors of all Postern packages share. */
interface Explained extends Error {
  code: string;
  kind: ErrorKind;
  hint: string;
}

/**
 * What vitest shows of an error that was thrown by a setup or a fixture: message, stack and, for setups only, other
 * properties. What a person needs is the message and the next step, so both go into the message, and the stack (of
 * our code, not of theirs) is left out. An error without a hint is nobody's explanation: it stays as it is.
 */
export function presentable(error: unknown): unknown {
  if (!isExplained(error)) return error;
  const own = error instanceof PosternVitestError;
  const shown = new PosternVitestError(own ? error.code : 'VITEST_SETUP_FAILED', {
    kind: error.kind,
    message: `${error.message}\n\n${error.hint}\n`,
    hint: error.hint,
  });
  shown.stack = `${error.name}: ${shown.message}`;
  if (!own) Object.assign(shown, { causeCode: error.code });
  // vitest prints every enumerable property below the message.
  for (const key of Object.keys(shown)) Object.defineProperty(shown, key, { enumerable: false });
  return shown;
}

function isExplained(error: unknown): error is Explained {
  return (
    error instanceof Error &&
    ['code', 'kind', 'hint'].every(
      (key) => typeof (error as unknown as Record<string, unknown>)[key] === 'string',
    )
  );
}
