import { fileURLToPath } from 'node:url';

/** From a source checkout the packages of the workspace are compiled from their sources. */
export const fromSource: boolean = fileURLToPath(import.meta.url).endsWith('.ts');

/** `module` is esbuild's default and goes as soon as one names others; without it the AWS parts do not shake. */
export const conditions: string[] = ['module', ...(fromSource ? ['@postern/source'] : [])];
