import { join } from 'node:path'
import commonjs from '@rollup/plugin-commonjs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import * as esbuild from 'esbuild'
import { rollup } from 'rollup'
import * as vite from 'vite'
import webpack from 'webpack'

/** Makes a file, and perhaps chunks, in `out` of a program in a folder with installed packages; resolves to what the bundler warned of. */
type Bundle = (folder: string, program: string, out: string) => Promise<string[]>

const withEsbuild =
  (format: 'esm' | 'cjs', minify: boolean): Bundle =>
  async (folder, program, out) => {
    const { warnings } = await esbuild.build({
      absWorkingDir: folder,
      entryPoints: [program],
      outfile: join('out', out),
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
      format,
      minify,
    })
    return warnings.map(({ text }) => text)
  }

const withRollup =
  (format: 'es' | 'cjs'): Bundle =>
  async (folder, program, out) => {
    const warnings: string[] = []
    const bundle = await rollup({
      input: join(folder, program),
      plugins: [nodeResolve({ preferBuiltins: true }), (commonjs as unknown as () => never)()],
      onwarn: ({ message }) => void warnings.push(message),
    })
    await bundle.write({ file: join(folder, 'out', out), format, inlineDynamicImports: true })
    await bundle.close()
    return warnings
  }

const withWebpack =
  (module: boolean): Bundle =>
  (folder, program, out) =>
    new Promise((resolve, reject) => {
      const config: webpack.Configuration = {
        mode: 'production',
        target: 'node20',
        context: folder,
        entry: `./${program}`,
        output: { path: join(folder, 'out'), filename: out, module },
        experiments: { outputModule: module },
      }
      webpack(config, (error, stats) => {
        const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {}
        if (error || errors.length > 0) reject(error ?? new Error(errors.map(({ message }) => message).join('\n')))
        else resolve(warnings.map(({ message }) => message))
      })
    })

const withVite: Bundle = async (folder, program, out) => {
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  await vite.build({
    root: folder,
    configFile: false,
    customLogger: { ...vite.createLogger('silent'), warn, warnOnce: warn },
    ssr: { noExternal: true },
    build: {
      ssr: program,
      outDir: 'out',
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: out } },
    },
  })
  return warnings
}

/** How programs are bundled: the program, the file in `out` that is made of it, and what makes it. */
export const bundles: Record<string, { readonly program: string; readonly out: string; readonly bundle: Bundle }> = {
  'esbuild, to ESM': { program: 'train.mjs', out: 'bundle.mjs', bundle: withEsbuild('esm', false) },
  'esbuild, to CommonJS': { program: 'train.cjs', out: 'bundle.cjs', bundle: withEsbuild('cjs', true) },
  'esbuild, CommonJS to ESM': { program: 'train.cjs', out: 'bundle.mjs', bundle: withEsbuild('esm', true) },
  'rollup, to ESM': { program: 'train.mjs', out: 'bundle.mjs', bundle: withRollup('es') },
  'rollup, to CommonJS': { program: 'train.cjs', out: 'bundle.cjs', bundle: withRollup('cjs') },
  'webpack, to ESM': { program: 'train.mjs', out: 'bundle.mjs', bundle: withWebpack(true) },
  'webpack, to CommonJS': { program: 'train.cjs', out: 'bundle.cjs', bundle: withWebpack(false) },
  'Vite for servers': { program: 'train.mjs', out: 'bundle.mjs', bundle: withVite },
}
