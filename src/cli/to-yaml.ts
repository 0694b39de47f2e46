// YAML as agw prints it, in a file of its own to be loaded late: a library of the older module kind, loaded late by itself, would come without its names.
export { stringify as toYaml } from 'yaml';
