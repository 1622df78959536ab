import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface TempWorkspace {
  readonly root: string;
  write(files: Record<string, string>): Promise<void>;
  remove(): Promise<void>;
}

/** A folder outside the repository with the given files. */
export async function tempWorkspace(files: Record<string, string> = {}): Promise<TempWorkspace> {
  const root = await mkdtemp(join(tmpdir(), 'postern-nx-'));
  const workspace: TempWorkspace = {
    root,
    async write(more) {
      for (const [path, content] of Object.entries(more)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), content);
      }
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
  await workspace.write(files);
  return workspace;
}

/**
 * A stand-in for `@postern/connect` that answers the two questions of the plugin and counts how often it is
 * asked. `postern.config.ts` of these workspaces is JSON behind `export default`.
 */
export const connectStandIn: Record<string, string> = {
  'node_modules/@postern/connect/package.json':
    '{"name":"@postern/connect","type":"module","exports":"./index.js"}',
  'node_modules/@postern/connect/index.js': `
    import { appendFileSync } from 'node:fs';
    import { pathToFileURL } from 'node:url';
    import { join } from 'node:path';
    export async function loadConfig({ cwd }) {
      appendFileSync(join(cwd, 'asked.log'), '.');
      return (await import(pathToFileURL(join(cwd, 'postern.config.ts')).href)).default;
    }
    export function resolveEnvironment(config) {
      const name = process.env.POSTERN_ENV ?? config.defaultEnvironment;
      const kind = config.environments[name];
      if (kind === undefined) throw new TypeError('There is no environment ' + name);
      return { name, settings: { kind } };
    }
  `,
};

export const posternConfig = `export default { defaultEnvironment: 'local', environments: { local: 'local', staging: 'aws' } };\n`;
