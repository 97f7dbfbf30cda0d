//! One HTML file with the charts and the figures behind them: nothing is loaded from elsewhere.

use super::chart::{Chart, escaped, style};
use crate::cli::output::{Lang, Sheet};

/// Writes the page.
pub(super) fn page(
    title: &str,
    lead: &str,
    charts: &[Chart],
    figures: &Sheet,
    lang: Lang,
) -> String {
    let charts: String =
        charts.iter().map(|chart| format!("<figure>{}</figure>", chart.svg(0.0))).collect();
    let code = lang.say("en", "fr");
    let (hint, table) = (
        lang.say(
            "Click a name to hide its line; point at a dot for its figures.",
            "Cliquer sur un nom masque sa courbe ; pointer un rond donne ses chiffres.",
        ),
        lang.say("Figures", "Chiffres"),
    );
    format!(
        "<!doctype html><html lang=\"{code}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <style>{}{PAGE_STYLE}</style></head><body><main><h1>{title}</h1>\
         <p class=\"lead\">{lead}</p>{charts}<p class=\"hint\">{hint}</p>\
         <h2>{table}</h2><div class=\"wide\">{}</div></main>\
         <script>{SCRIPT}</script></body></html>\n",
        style(),
        rows(figures),
        title = escaped(title),
        lead = escaped(lead),
    )
}

fn rows(sheet: &Sheet) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let titles: Vec<String> = sheet.titles().iter().map(|title| (*title).to_owned()).collect();
    let body: String = sheet.rows().iter().map(|cells| row(cells, "td")).collect();
    format!("<table><thead>{}</thead><tbody>{body}</tbody></table>", row(&titles, "th"))
}

const PAGE_STYLE: &str = "body{margin:0;background:var(--ground);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}main{max-width:820px;margin:0 auto;padding:32px 20px 64px}\
h1{font-size:26px;margin:0}h2{font-size:18px;margin:36px 0 8px}.lead,.hint{color:var(--faint)}\
figure{margin:20px 0;padding:16px;background:var(--card);border:1px solid var(--rule);\
border-radius:10px}figure svg{width:100%;height:auto;display:block}.wide{overflow-x:auto}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums;white-space:nowrap}\
th{text-align:left;color:var(--faint);font-weight:500}\
td,th{padding:5px 16px 5px 0;border-bottom:1px solid var(--rule)}";

/// Hides and shows a dialer in every chart at once.
const SCRIPT: &str = "document.addEventListener('click',e=>{const k=e.target.closest('.key');\
if(!k)return;const n=k.dataset.name,off=!k.classList.contains('off');\
document.querySelectorAll('[data-name]').forEach(g=>{if(g.dataset.name!==n)return;\
if(g.classList.contains('key'))g.classList.toggle('off',off);\
else g.style.display=off?'none':''})})";
