/** What of a `test` defines none. */
const NO_TEST = new Set(['describe', 'suite', 'skip', 'todo']);

/**
 * The same `test`, which tells when a test or hook is defined with it or with what is made of it by `extend`: by calling it,
 * or one of its functions (`each`, `beforeAll` and the like).
 */
export function noticed<T extends object>(api: T, onUse: () => void): T {
  return new Proxy(api, {
    apply(target, self, given: unknown[]) {
      onUse();
      return Reflect.apply(target as never, self, given);
    },
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof name === 'symbol' || typeof value !== 'function' || NO_TEST.has(name)) return value;
      if (name !== 'extend') {
        if (!(name in Function.prototype)) onUse();
        return value;
      }
      return (...given: unknown[]) => noticed(Reflect.apply(value, target, given) as object, onUse);
    },
  });
}
