export {
  type Artefact,
  type ArtefactOptions,
  buildArtifact,
  type Collected,
  collectDatabases,
  readManifest,
} from './artefact.ts';
