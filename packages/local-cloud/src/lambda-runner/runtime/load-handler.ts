import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RuntimeError } from './errors.ts';

export type Handler = (event: unknown, context: unknown, callback?: unknown) => unknown;

/** `dir/file.export`: split at the first dot of the base name; the export may be nested. */
export async function loadHandler(taskRoot: string, handlerName: string): Promise<Handler> {
  if (handlerName.includes('..')) {
    throw new RuntimeError(
      'MalformedHandlerName',
      `'${handlerName}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const match = /^([^.]*)\.(.*)$/.exec(basename(handlerName));
  if (match === null) throw new RuntimeError('MalformedHandlerName', 'Bad handler');
  const [, moduleName = '', exportPath = ''] = match;
  const module = await importUserModule(join(taskRoot, dirname(handlerName), moduleName), moduleName);
  const handler = findExport(module, exportPath) ?? findExport(module['default'], exportPath);
  if (handler === undefined) {
    throw new RuntimeError('HandlerNotFound', `${handlerName} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw new RuntimeError('HandlerNotFound', `${handlerName} is not a function`);
  }
  return handler as Handler;
}

async function importUserModule(path: string, name: string): Promise<Record<string, unknown>> {
  const file = ['', '.js', '.mjs', '.cjs'].map((extension) => path + extension).find(isFile);
  if (file === undefined) {
    throw new RuntimeError('ImportModuleError', `Error: Cannot find module '${name}'`);
  }
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError('UserCodeSyntaxError', String(error));
    // Only `require` reports it so; a failed ESM import stays a plain Error, as on Lambda.
    if ((error as { code?: string } | undefined)?.code === 'MODULE_NOT_FOUND') {
      throw new RuntimeError('ImportModuleError', String(error));
    }
    throw error;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function findExport(module: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], module);
}
