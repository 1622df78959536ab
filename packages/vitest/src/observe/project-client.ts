import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client } from 'pg';

/**
 * `Client` of the pg that the project's own code gets, so that a pool of the project is not handed one of another
 * version. Undefined when the project has none.
 */
export async function projectClient(root: string): Promise<typeof Client | undefined> {
  try {
    const file = createRequire(join(root, 'package.json')).resolve('pg');
    const { default: pg } = (await import(pathToFileURL(file).href)) as {
      default?: { Client?: typeof Client };
    };
    return typeof pg?.Client === 'function' ? pg.Client : undefined;
  } catch {
    return undefined;
  }
}
