import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../', import.meta.url))

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  typeRoots: [`${root}node_modules/@types`],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
}

/**
 * What the compiler says of files, as a user with strict settings sees it. Paths are relative to the project; `sources` holds the text of
 * those that are not on the disk.
 */
export function complaints(files: readonly string[], sources: ReadonlyMap<string, string> = new Map()): string[] {
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  const source = (path: string) => (path.startsWith(root) ? sources.get(path.slice(root.length)) : undefined)
  host.fileExists = (path) => source(path) !== undefined || fileExists(path)
  host.readFile = (path) => source(path) ?? readFile(path)
  const program = ts.createProgram(
    files.map((file) => `${root}${file}`),
    options,
    host,
  )
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => !file?.fileName.includes('/node_modules/'))
    .map(({ file, start, messageText }) => {
      const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0
      return `${file?.fileName ?? ''}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    })
}

/** The JavaScript of a module that compiles. */
export function javascript(source: string): string {
  const { target, module } = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext }
  return ts.transpileModule(source, { compilerOptions: { target, module } }).outputText
}

/** What an editor offers at an empty comment in a program: names, each with what it says of them. */
export function editor(program: string): ReadonlyMap<string, string> {
  const path = `${root}test/types/editor.ts`
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [path],
    getScriptVersion: () => '1',
    getScriptSnapshot(file) {
      const text = file === path ? program : ts.sys.readFile(file)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (file) => file === path || ts.sys.fileExists(file),
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  })
  const place = program.indexOf('/**/') + 4
  const entries = service.getCompletionsAtPosition(path, place, {})?.entries ?? []
  return new Map(
    entries.map(({ name }) => {
      const details = service.getCompletionEntryDetails(path, place, name, {}, undefined, undefined, undefined)
      return [name, ts.displayPartsToString(details?.documentation)]
    }),
  )
}
