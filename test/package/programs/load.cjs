// Loads the package and tells how that failed, from CommonJS and then from ESM.
const tell = (error) => ({ name: error.name, code: error.code, message: error.message })
const failures = []
try {
  require('seqloom')
} catch (error) {
  failures.push(tell(error))
}
import('seqloom').catch((error) => failures.push(tell(error))).then(() => console.log(JSON.stringify(failures)))
