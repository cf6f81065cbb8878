//! What the table says of a figure.

use crate::table::{Aim, Growth, Row, Unit, render};

fn row(ours: f64, peer: f64, aim: Aim) -> Row {
    Row::new("g", "w", Unit::Ms).ours(Some(ours)).peer("p", Some(peer)).aim(aim)
}

#[test]
fn an_aim_is_met_or_missed() {
    assert_eq!(row(1.0, 1.0, Aim::None).met(), None);
    assert_eq!(row(5.0, 1.0, Aim::AtMost(5.0)).met(), Some(true));
    assert_eq!(row(5.0, 1.0, Aim::Below(5.0)).met(), Some(false));
    assert_eq!(row(1.6, 1.0, Aim::Times(1.6)).met(), Some(true));
    assert_eq!(row(1.0, 1.0, Aim::Ahead).met(), Some(false));
    assert_eq!(row(0.0, 0.0, Aim::Ahead).met(), Some(true));
    assert_eq!(row(4.0, 5.0, Aim::AheadAndAtMost(3.0)).met(), Some(false));
}

#[test]
fn what_could_not_be_measured_misses_its_aim() {
    assert_eq!(Row::new("g", "w", Unit::Ms).aim(Aim::Below(1.0)).met(), Some(false));
    let alone = Row::new("g", "w", Unit::Ms).ours(Some(3.0)).peer("p", None);
    assert_eq!(alone.aim(Aim::Ahead).met(), Some(true));
}

#[test]
fn growth_is_told_by_its_exponent() {
    let growth = |values: [f64; 3]| Growth {
        what: "list",
        unit: Unit::Ms,
        values: [10, 100, 10_000].into_iter().zip(values.map(Some)).collect(),
    };
    assert!(growth([1.0, 1.0, 1.2]).render().contains("constant"));
    assert!(growth([1.0, 1.0, 100.0]).render().ends_with("| linear |"));
    assert!(growth([1.0, 1.0, 100.0]).met());
    assert!(!growth([1.0, 1.0, 10_000.0]).met());
}

#[test]
fn the_best_of_the_others_counts() {
    let row = row(10.0, 40.0, Aim::Ahead).peer("q", Some(20.0));
    let text = render(&[row], &[], "about");
    assert!(
        text.contains("| w | 10.0 ms | p 40.0 ms, q 20.0 ms | 0.50 | < best | yes |"),
        "{text}"
    );
    assert!(text.contains("1 of 1 aims met."));
}
