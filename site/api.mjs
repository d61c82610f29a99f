// The pages of the API: of each export of each entry, from the comments in the sources.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, LogLevel } from 'typedoc'
import { pages } from './pages.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))

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
    // What no program can name, since it is not exported, is shown by its name alone.
    validation: { notExported: false },
    excludeInternal: true,
    excludePrivate: true,
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
