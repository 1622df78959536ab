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
export type { OtherDatabase, PosternFixtures } from './fixtures.ts';
export type { LoggedQuery } from './observe/observed-session.ts';
export type { QueryLog } from './observe/wire-log.ts';
export type { IsolationMode, Keep, Scope, TestOptions } from './options.ts';
export type { ProvidedPostern } from './provided-context.ts';
export {
  type Barrier,
  type BarrierOptions,
  barrier,
  type Party,
  type RaceFunction,
  type RaceResults,
  simultaneously,
} from './race.ts';
export type { PosternMeta } from './reporter/meta.ts';
export { defineSeed, type Seed, type SeedContext } from './seed.ts';
export type { Sql } from './sql.ts';
export { it, test, testWith } from './test.ts';
export type { TestDatabase } from './test-database.ts';
