import type { Context } from './context.ts';
import type { Handler } from './load-handler.ts';

type Callback = (error: unknown, value?: unknown) => void;

/**
 * nodejs22.x: a promise counts at once; without one the result is that of the callback (or nothing), and it
 * waits until the event loop is empty unless `context.callbackWaitsForEmptyEventLoop` is false.
 */
export function callWithCallback(handler: Handler, event: unknown, context: Context): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let settle = (): void => resolve(null);
    const whenEmpty = (): void => settle();
    const finish = (run: () => void): void => {
      process.removeListener('beforeExit', whenEmpty);
      run();
    };
    let called = false;
    const callback: Callback = (error, value) => {
      if (called) return;
      called = true;
      settle = () =>
        finish(error === undefined || error === null ? () => resolve(value) : () => reject(error));
      if (context.callbackWaitsForEmptyEventLoop === false) settle();
    };
    Object.assign(context, {
      done: callback,
      succeed: (value: unknown) => callback(null, value),
      fail: (error: unknown) => callback(error ?? 'handled'),
    });
    process.once('beforeExit', whenEmpty);
    const result = handler(event, context, callback);
    if (isThenable(result))
      result.then(
        (value) => finish(() => resolve(value)),
        (error) => finish(() => reject(error)),
      );
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
