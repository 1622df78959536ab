export {
  afterAll,
  afterEach,
  aroundAll,
  aroundEach,
  assert,
  beforeAll,
  beforeEach,
  describe,
  expect,
  expectTypeOf,
  inject,
  onTestFailed,
  onTestFinished,
  suite,
  vi,
} from 'vitest';
export {
  isPosternVitestError,
  PosternVitestError,
  type PosternVitestErrorCode,
  type PosternVitestErrorDetails,
} from './errors.ts';
export type { ProvidedPostern } from './provided-context.ts';
export { it, type PosternFixtures, test } from './test.ts';
export type { TestDatabase } from './test-database.ts';
