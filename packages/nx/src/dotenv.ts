import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnvironmentFact } from './environment.ts';

/**
 * Nx reads `.env` files (`.env`, `.env.local`, `.env.integration`, …) of root and project when it starts the task. At
 * that time it has been decided whether the result is kept. A file that chooses an environment therefore costs
 * the cache.
 */
export function dotenvFact(workspaceRoot: string, projectRoot: string): EnvironmentFact | undefined {
  for (const folder of new Set(['.', projectRoot])) {
    const names = readdirSync(join(workspaceRoot, folder)).filter((name) =>
      /^\.(?:env(?:\.|$)|.+\.env$)/.test(name),
    );
    for (const name of names.sort()) {
      const text = readIfFile(join(workspaceRoot, folder, name));
      if (!/^\s*(?:export\s+)?POSTERN_(?:ENV|CONFIG)\s*=/m.test(text)) continue;
      return {
        unknown: `${join(folder, name)} chooses it; set POSTERN_ENV in the environment of Nx instead.`,
      };
    }
  }
  return undefined;
}

function readIfFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
