// The pages of the API: of each export of each entry, from the comments in the sources.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, LogLevel } from 'typedoc'
import { pages } from './pages.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))

/** What public types name although programs have no use for it, by the reason. */
const unexported = {
  'of the runtime, declared for programs that are compiled without its types': [
    ...['URL', 'ReadableStream', 'AbortSignal', 'RequestInit', 'Response'].map((name) => `src/globals.d.ts:${name}`),
  ],
  'lists and tables from which unions of names are computed, which are shown': [
    'src/errors.ts:errorCodes',
    'src/table.ts:cellActivations',
    'src/table.ts:otherActivations',
    'src/losses/formulas.ts:formulas',
    'src/metrics/metric.ts:others',
    'src/tasks/shared/cell.ts:ready',
    'src/initializers/initializer.ts:Table',
    'src/settings.ts:ValuesOf',
  ],
  'a symbolic tensor remembers how it was made': ['src/layers/layer.ts:Call'],
  'bounds of type parameters': ['src/search/subject.ts:Options'],
  'what notebooks ask for': ['src/pictures/display.ts:Displayed'],
  'settings of any names': ['src/tfjs/described.ts:Settings'],
  'types of functions that many constants have': [
    'src/tfjs/ops/elementwise.ts:Unary',
    'src/tfjs/ops/elementwise.ts:Binary',
    'src/tfjs/refused.ts:Refused',
  ],
}

/** Writes the pages; throws after TypeDoc's first warning. */
export async function writeApi() {
  const app = await Application.bootstrapWithPlugins({
    name: 'API',
    entryPoints: ['src/index.ts', 'src/tfjs/index.ts'].map((file) => join(root, file)),
    tsconfig: join(root, 'tsconfig.build.json'),
    plugin: ['typedoc-plugin-markdown'],
    out: join(pages, 'api'),
    readme: 'none',
    logLevel: LogLevel.Warn,
    treatWarningsAsErrors: true,
    intentionallyNotExported: Object.values(unexported).flat(),
    excludeInternal: true,
    excludePrivate: true,
    // What a subclass may do is told by defineLayer and defineCell.
    excludeProtected: true,
    disableSources: true,
    hideGenerator: true,
    hidePageHeader: true,
    membersWithOwnFile: ['Class', 'Function', 'Interface'],
    entryFileName: 'index',
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
  })
  const project = await app.convert()
  if (project) {
    app.validate(project)
    if (!app.logger.hasWarnings()) await app.generateOutputs(project)
  }
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc has errors or warnings')
}
