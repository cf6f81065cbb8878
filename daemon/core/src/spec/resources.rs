//! Reads `resources`: numbers that replace the tier's.

use super::fields::{self, At, Fields, Keys};
use super::model::Resources;
use super::report::Report;
use super::scalar;
use super::tree::Value;

const KEYS: Keys = Keys {
    what: "a mapping of limits",
    example: "resources: {cpuCores: 1.5, memoryMb: 2048}",
    known: &["cpuCores", "cpu", "memoryMb", "memory", "storageGb", "storage", "pids", "nofile"],
    synonyms: &[
        ("cpus", "cpuCores"),
        ("vcpu", "cpuCores"),
        ("cores", "cpuCores"),
        ("mem", "memory"),
        ("ram", "memory"),
        ("disk", "storage"),
        ("pidsLimit", "pids"),
        ("ulimit", "nofile"),
        ("tier", "tier` at the top level, not `resources.tier"),
    ],
};

/// 4 TiB, in MiB: more than any host this is meant for.
const MAX_MEMORY_MIB: u32 = 4 * 1024 * 1024;
/// 64 TiB, in GiB.
const MAX_STORAGE_GIB: u32 = 64 * 1024;

/// Reads the overrides.
pub(super) fn read(top: &Fields<'_>, report: &mut Report<'_>) -> Resources {
    let fields = top.get("resources", report).and_then(|at| Fields::open(&at, &KEYS, report));
    let Some(fields) = fields else {
        return Resources::default();
    };
    let cpu = fields.either("cpuCores", "cpu", report);
    let memory = fields.either("memoryMb", "memory", report);
    let storage = fields.either("storageGb", "storage", report);
    Resources {
        cpu_milli: cpu.and_then(|at| cpu_milli(&at, report)),
        memory_mib: memory.and_then(|at| {
            let range = (128, MAX_MEMORY_MIB);
            if at.path.ends_with("Mb") {
                fields::number(&at, range, "a number of MiB", report)
            } else {
                size(&at, 1, range, "memory: 512m", report)
            }
        }),
        storage_gib: storage.and_then(|at| {
            let range = (1, MAX_STORAGE_GIB);
            if at.path.ends_with("Gb") {
                fields::number(&at, range, "a number of GiB", report)
            } else {
                size(&at, 1024, range, "storage: 20g", report)
            }
        }),
        pids: fields
            .get("pids", report)
            .and_then(|at| fields::number(&at, (64, 4_194_304), "a number of processes", report)),
        nofile: fields
            .get("nofile", report)
            .and_then(|at| fields::number(&at, (1024, 1_048_576), "a number of files", report)),
    }
}

fn cpu_milli(at: &At<'_>, report: &mut Report<'_>) -> Option<u32> {
    let Value::Scalar(scalar) = &at.node.value else {
        fields::wrong_type(at, "a number of CPUs", "cpuCores: 1.5", report);
        return None;
    };
    let milli = scalar::thousandths(&scalar.text).filter(|milli| (50..=256_000).contains(milli));
    if milli.is_none() {
        report.error(
            at.span,
            &at.path,
            format!("{} is not a number of CPUs from 0.05 to 256", report.quoted(&scalar.text)),
            "write e.g. `cpuCores: 1.5`",
        );
    }
    milli.and_then(|milli| u32::try_from(milli).ok())
}

/// Reads a size with a unit and returns it in multiples of `unit_mib` MiB.
fn size(
    at: &At<'_>,
    unit_mib: u64,
    (low, high): (u32, u32),
    example: &str,
    report: &mut Report<'_>,
) -> Option<u32> {
    let Value::Scalar(scalar) = &at.node.value else {
        fields::wrong_type(at, "a size", example, report);
        return None;
    };
    let size = scalar::mebibytes(&scalar.text)
        .and_then(|mib| u32::try_from(mib / unit_mib).ok())
        .filter(|size| (low..=high).contains(size));
    if size.is_none() {
        let unit = if unit_mib == 1 { "MiB" } else { "GiB" };
        report.error(
            at.span,
            &at.path,
            format!("{} is not a size from {low} {unit} up", report.quoted(&scalar.text)),
            format!("write a number with its unit, e.g. `{example}`"),
        );
    }
    size
}
