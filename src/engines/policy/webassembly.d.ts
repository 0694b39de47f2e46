// The part of the WebAssembly API used here: the project's `lib` has no browser types, and @types/node only names Module.
declare namespace WebAssembly {
  interface Module { readonly __module?: never }
  interface ImportDescriptor { readonly module: string; readonly name: string; readonly kind: string }
  interface Memory { readonly buffer: ArrayBuffer }
  type ModuleImports = Record<string, (...args: never[]) => number>;
  type Imports = Record<string, ModuleImports>;
  const Module: {
    new (bytes: Uint8Array): Module;
    imports(module: Module): ImportDescriptor[];
  };
  const Instance: {
    new (module: Module, imports: Imports): { readonly exports: Record<string, unknown> };
  };
}
