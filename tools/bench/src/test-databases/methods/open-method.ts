import { integresql } from './integresql.ts';
import type { Method, MethodSettings } from './method.ts';
import { pgtestdb } from './pgtestdb.ts';
import { postern } from './postern.ts';
import { testcontainers } from './testcontainers.ts';

/** The worker's side of a method. */
export async function openMethod(settings: MethodSettings): Promise<Method> {
  const { method } = settings;
  if (method.startsWith('pgtestdb')) return pgtestdb(settings);
  if (method.startsWith('testcontainers')) return testcontainers(settings);
  if (method.startsWith('integresql')) return integresql(settings);
  return await postern(settings);
}
