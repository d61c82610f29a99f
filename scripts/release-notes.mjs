// Checks that every file names the same version, and the tag too if one is given, and prints that version's part of the changelog.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const read = (file) => readFileSync(join(root, file), 'utf8')
const { version } = JSON.parse(read('package.json'))
const lock = JSON.parse(read('package-lock.json'))
const [, crates] = /^version = "(.+)"$/m.exec(read('Cargo.toml')) ?? []
const [, code] = /^export const version = '(.+)'$/m.exec(read('src/native/version.ts')) ?? []
const [tag] = process.argv.slice(2)

const named = { 'Cargo.toml': crates, 'package-lock.json': lock.version, 'src/native/version.ts': code }
if (tag) named['the tag'] = tag.replace(/^v/, '')
const wrong = Object.entries(named).filter(([, other]) => other !== version)
for (const [where, other] of wrong) console.error(`package.json has version ${version}, but ${where} has ${other}`)

const sections = read('CHANGELOG.md').split(/^## /m).slice(1)
const section = sections.find((each) => each.split(/[ \n]/)[0] === version)
if (section === undefined) console.error(`CHANGELOG.md has no section "## ${version}"`)
else if (tag && /^.*\(unreleased\)/.test(section)) console.error(`CHANGELOG.md calls ${version} unreleased`)
else if (wrong.length === 0) console.log(section.slice(section.indexOf('\n')).trim())
if (wrong.length > 0 || section === undefined || (tag && /^.*\(unreleased\)/.test(section))) process.exitCode = 1
