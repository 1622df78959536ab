import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Deep enough to get through pg, an ORM and a few of its layers. */
const CAPTURED_FRAMES = 40;
const SHOWN_FRAMES = 6;

/** `src` or `dist` of this package: our frames explain nothing to anybody. */
const ownFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** A stack whose text is made only when somebody asks: capturing costs microseconds, formatting far more. */
export function captureStack(): Error {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = CAPTURED_FRAMES;
  const error = new Error('stack');
  Error.stackTraceLimit = before;
  return error;
}

/** The frames of a stack that are the caller's own: without node's, without packages, without ours. */
export function callerFrames(captured: Error | undefined): readonly string[] {
  return (captured?.stack ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at ') && isCallers(line))
    .slice(0, SHOWN_FRAMES)
    .map((line) => line.slice('at '.length));
}

function isCallers(frame: string): boolean {
  const foreign = ['node:', '/node_modules/', '\\node_modules\\', '<anonymous>', '(native)'];
  if (foreign.some((part) => frame.includes(part))) return false;
  return !frame.includes(ownFolder) || /\.test\.[jt]s\b/.test(frame);
}
