use super::Report;
pub fn of(_: &Report) -> String {
    String::new()
}
