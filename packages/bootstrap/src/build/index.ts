export {
  type Artefact,
  type ArtefactOptions,
  buildArtifact,
  type Collected,
  collectDatabases,
  readManifest,
} from './artefact.ts';
export type { CaOption } from './ca-roots.ts';
export { readStack } from './source-maps.ts';
