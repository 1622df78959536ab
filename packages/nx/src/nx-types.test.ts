import type { CreateDependencies, CreateDependenciesContext, CreateNodes } from 'nx/src/devkit-exports.js';
import { expectTypeOf, test } from 'vitest';
import type { DependenciesContext, PluginOptions, StaticDependency } from './nx-types.ts';
import * as plugin from './plugin.ts';

test('the plugin fits the installed Nx, though it imports none of its types', () => {
  expectTypeOf(plugin.createNodes).toExtend<CreateNodes<PluginOptions>>();
  expectTypeOf<CreateDependenciesContext>().toExtend<DependenciesContext>();
  // Nx types the kind of an edge as an enum, whose values are these strings.
  type NxEdge = Awaited<ReturnType<CreateDependencies>>[number];
  expectTypeOf<Omit<StaticDependency, 'type'>>().toExtend<Omit<NxEdge, 'type'>>();
  expectTypeOf<`${NxEdge['type']}`>().toExtend<string>();
});
