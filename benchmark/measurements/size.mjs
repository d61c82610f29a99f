// Installed size of each engine with what it depends on at run time.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { here, peersFolder, python } from '../lib/engines.mjs'
import { fileOf, readTexts } from '../lib/options.mjs'
import { publish } from '../lib/table.mjs'

const options = readTexts({ json: undefined })

/** Bytes of the files of a folder, without nested packages, which are counted by themselves. */
function bytesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + bytesOf(path)
    return entry.isFile() ? sum + statSync(path).size : sum
  }, 0)
}

/** The folder of a package as Node would find it from `folder`, or undefined. */
function findPackage(name, folder) {
  const candidate = join(folder, 'node_modules', name)
  if (existsSync(join(candidate, 'package.json'))) return candidate
  return dirname(folder) === folder ? undefined : findPackage(name, dirname(folder))
}

/** The folders of all packages that those named need, themselves included; optional ones that are not installed are left out. */
function dependencies(names, from, found = new Set()) {
  for (const name of names) {
    const folder = findPackage(name, from)
    if (folder === undefined || found.has(folder)) continue
    found.add(folder)
    const { dependencies: own = {}, optionalDependencies: optional = {} } = readManifest(folder)
    dependencies([...Object.keys(own), ...Object.keys(optional)], folder, found)
  }
  return found
}

const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
const total = (folders) => [...folders].reduce((sum, folder) => sum + bytesOf(folder), 0)

function seqloom() {
  const root = here('..')
  const packages = dependencies(Object.keys(readManifest(root).dependencies), root)
  return bytesOf(join(root, 'dist')) + total(packages)
}

function nodePeer(name) {
  const packages = dependencies([name], join(peersFolder, 'node'))
  return packages.size === 0 ? undefined : total(packages)
}

/** Bytes that pip recorded for packages and all that they require. */
const sizeProgram = `
import re, sys
from importlib.metadata import PackageNotFoundError, distribution
found = {}
def visit(name):
    name = re.sub("[-_.]+", "-", name).lower()
    if name in found: return
    try: package = distribution(name)
    except PackageNotFoundError: return
    found[name] = sum(f.locate().stat().st_size for f in package.files or [] if f.locate().is_file())
    for line in package.requires or []:
        if "extra ==" not in line: visit(re.match("[A-Za-z0-9._-]+", line)[0])
visit(sys.argv[1])
print(sum(found.values()))
`

function pythonPeer(name) {
  const { status, stdout } = spawnSync(python, ['-c', sizeProgram, name], { encoding: 'utf8' })
  return status === 0 ? Number(stdout) : undefined
}

const show = (bytes) => (bytes === undefined || bytes === 0 ? 'not installed' : (bytes / 1e6).toFixed(1))
publish(
  'Installed size',
  [
    ['package', 'MB'],
    ['seqloom', show(seqloom())],
    ['onnxruntime-node', show(nodePeer('onnxruntime-node'))],
    ['@tensorflow/tfjs-node, without the TensorFlow library', show(nodePeer('@tensorflow/tfjs-node'))],
    ['@tensorflow/tfjs', show(nodePeer('@tensorflow/tfjs'))],
    ['PyTorch', show(pythonPeer('torch'))],
    ['onnxruntime (Python)', show(pythonPeer('onnxruntime'))],
  ],
  fileOf(options.json),
)
