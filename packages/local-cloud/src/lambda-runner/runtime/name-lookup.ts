import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

/**
 * The VPC's resolver: names of the table get their address, all others go the usual way. Everything that
 * connects by name in Node ends in `dns.lookup`, so no code of the function needs to know.
 */
export function installNameLookup(hosts: Readonly<Record<string, string>> = {}): void {
  const addressOf = (name: unknown): string | undefined =>
    typeof name === 'string' && Object.hasOwn(hosts, name.toLowerCase())
      ? hosts[name.toLowerCase()]
      : undefined;

  const lookup = dns.lookup;
  const patched = (name: string, ...rest: unknown[]): void => {
    const address = addressOf(name);
    const callback = rest.at(-1);
    if (address === undefined || typeof callback !== 'function') {
      Reflect.apply(lookup, dns, [name, ...rest]);
      return;
    }
    const options = rest[0];
    const all =
      typeof options === 'object' && options !== null && (options as { all?: boolean }).all === true;
    process.nextTick(callback, null, ...(all ? [[{ address, family: 4 }]] : [address, 4]));
  };
  const { lookup: lookupPromise } = dns.promises;
  const patchedPromise = async (name: string, options?: unknown): Promise<unknown> => {
    const address = addressOf(name);
    if (address === undefined) return Reflect.apply(lookupPromise, dns.promises, [name, options]);
    const entry = { address, family: 4 };
    const all =
      typeof options === 'object' && options !== null && (options as { all?: boolean }).all === true;
    return all ? [entry] : entry;
  };
  Object.assign(dns, { lookup: patched });
  Object.assign(dns.promises, { lookup: patchedPromise });
  syncBuiltinESMExports();
}
