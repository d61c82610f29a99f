// Installs the tarballs of a folder that fit this machine in an empty folder, without scripts, and runs the pack test's training programs.
// Needs nothing but Node and npm. `node scripts/smoke.mjs packages`
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { must, root } from './run.mjs'

const [packages = 'packages'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'seqloom-smoke-'))
writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
cpSync(join(root, 'test/package/programs'), folder, { recursive: true })

const tarballs = readdirSync(packages).filter((file) => file.endsWith('.tgz'))
const fits = (file) => /^seqloom-\d/.test(file) || file.startsWith(`seqloom-${process.platform}-${process.arch}`)
const paths = tarballs.filter(fits).map((file) => resolve(packages, file))
// Of the two for Linux, npm leaves out the one for the other C library, since both are optional here.
const [main] = paths.filter((path) => /seqloom-\d[^/\\]*$/.test(path))
const optional = paths.filter((path) => path !== main)
const npm = ['install', '--ignore-scripts', '--no-audit', '--no-fund']
await must('npm', [...npm, '--save-optional', ...optional], { cwd: folder })
await must('npm', [...npm, main], { cwd: folder })

for (const program of ['train.mjs', 'train.cjs', 'workers.mjs']) await must('node', [program], { cwd: folder })
rmSync(folder, { recursive: true, force: true })
