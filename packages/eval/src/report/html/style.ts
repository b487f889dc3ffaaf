/** CSS of the pages of evaluations, behind that of every page. */
export const evaluationStyle = `
:root{--bad:#c8374a;--odd:#a85a00;--good:#0b6bcb;--none:#7248c4;--gone:#4f6b88;--other:#00805a;--accent:#0b6bcb;--soft:#eef1f5;--mark:#ffe08a}
@media (prefers-color-scheme:dark){:root{--bad:#ff8f9c;--odd:#f2ab55;--good:#6db3ff;--none:#bc9bfa;--gone:#a5bbd1;--other:#43d3a3;--accent:#6db3ff;--soft:#1e232c;--mark:#6b5200}}
*,*::before,*::after{box-sizing:border-box}
main{max-width:80rem}
.lead{color:var(--muted);max-width:none;overflow-wrap:anywhere}
nav.parts{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin:1rem 0 0;font-size:.95rem}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
section{scroll-margin-top:1rem}
.cards-of-rates{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,10.2rem),1fr));gap:.9rem;margin:1rem 0}
.rate{background:var(--surface);border:1px solid var(--line);border-top:4px solid var(--tone);border-radius:8px;padding:.9rem 1.1rem}
.rate h3{margin:0;font-size:.95rem;font-weight:600;color:var(--muted)}
.rate p{margin:0;font-size:.88rem;color:var(--muted)}
.rate .figure{color:var(--ink);font-size:2.1rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums;margin:.1rem 0}
.rate .figure small{font-size:1.1rem;font-weight:500;color:var(--muted)}
.whisker{position:relative;height:10px;margin:.55rem 0;border-radius:5px;background:var(--soft)}
.whisker i{position:absolute;top:3px;height:4px;border-radius:2px;background:var(--tone);opacity:.45;left:var(--low);width:calc(var(--high) - var(--low))}
.whisker b{position:absolute;top:0;width:4px;height:10px;border-radius:2px;background:var(--tone);left:calc(var(--value) - 2px)}
.tone-misaligned{--tone:var(--bad)}.tone-incoherent{--tone:var(--odd)}.tone-neither{--tone:var(--good)}.tone-unscored{--tone:var(--none)}.tone-missing{--tone:var(--gone)}
.pictures{display:flex;flex-wrap:wrap;gap:.9rem;align-items:flex-start}.pictures>.wide{max-width:100%}
.safetune-chart{border:1px solid var(--line);border-radius:8px}
.bubble{cursor:pointer}.bubble:hover{fill-opacity:.9}
.notes{margin:.4rem 0;padding-left:1.2rem;max-width:60rem}.notes li{margin:.25rem 0}
table.facts-table :is(th,td){white-space:normal;overflow-wrap:anywhere;text-align:left;min-width:8rem}
table.facts-table th[scope=row]{font-weight:500;color:var(--muted)}
.side{columns:28rem;column-gap:1.5rem}.side>div{break-inside:avoid}
.side h3{margin-top:.75rem}
`.trimStart();

/** CSS of the list of answers. */
export const answersStyle = `
.controls{display:flex;flex-wrap:wrap;gap:.6rem .8rem;align-items:end;margin:.8rem 0}
.controls label{display:grid;gap:.15rem;font-size:.82rem;color:var(--muted)}
.controls .search{flex:1 1 14rem}.controls label.tick{display:flex;align-items:center;gap:.4rem;font-size:.95rem;min-height:2.4rem;color:var(--ink)}
input,select,button{font:inherit;color:var(--ink);background:var(--surface);border:1px solid var(--control);border-radius:6px;padding:.4rem .6rem;min-height:2.4rem;max-width:100%;min-width:0}
:root{--control:#848d9b}@media (prefers-color-scheme:dark){:root{--control:#69727f}}
.controls input[type=number]{width:5.5rem}.controls select{max-width:15rem}
button{cursor:pointer}button:disabled{cursor:default;opacity:.55}
#verdicts{display:flex;flex-wrap:wrap;gap:.4rem}
#verdicts button{display:inline-flex;gap:.45rem;align-items:center;border-radius:99px;padding:.25rem .85rem}
#verdicts button::before{content:'';width:.65rem;height:.65rem;border-radius:50%;background:var(--tone,var(--muted))}
#verdicts button[aria-pressed=true]{background:var(--ink);color:var(--surface);border-color:var(--ink)}
#verdicts b{font-variant-numeric:tabular-nums}
#limits{font-size:.92rem}#limits .limits{display:flex;flex-wrap:wrap;gap:.5rem 1rem;margin:.4rem 0}
.tally{display:flex;gap:1rem;align-items:center;margin:.3rem 0}
.explorer{display:grid;gap:.9rem}
#list{position:relative;height:min(76vh,46rem);overflow-y:auto;background:var(--surface);border:1px solid var(--line);border-radius:8px;overscroll-behavior:contain}
#rows{position:relative}
.row{position:absolute;left:0;right:0;height:76px;padding:.5rem .8rem;border-bottom:1px solid var(--line);cursor:pointer;overflow:hidden;contain:strict}
.row:hover{background:var(--soft)}.row[aria-selected=true]{background:var(--soft);box-shadow:inset 4px 0 0 var(--accent)}
.row-head{display:flex;gap:.5rem;align-items:center;white-space:nowrap;overflow:hidden;font-size:.84rem;color:var(--muted)}
.where{overflow:hidden;text-overflow:ellipsis;flex:1 1 auto;min-width:3rem}
.snippet{font-size:.92rem;line-height:1.3;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere}
.absent .snippet{font-style:italic;color:var(--muted)}
.verdict{flex:none;font-size:.78rem;font-weight:600;line-height:1.25rem;padding:0 .5rem;border-radius:99px;border:1px solid var(--tone);color:color-mix(in srgb,var(--tone) 75%,var(--ink));background:color-mix(in srgb,var(--tone) 10%,transparent);max-width:11rem;overflow:hidden;text-overflow:ellipsis}
.verdict.misaligned,button.misaligned{--tone:var(--bad)}.verdict.incoherent,button.incoherent{--tone:var(--odd)}.verdict.neither,button.neither{--tone:var(--good)}.verdict.unrated,button.unrated{--tone:var(--other)}.verdict.unscored,button.unscored{--tone:var(--none)}.verdict.missing,button.missing{--tone:var(--gone)}
.scores{display:flex;flex-wrap:wrap;gap:.2rem .9rem}.row .scores{flex-wrap:nowrap;flex:none;gap:.7rem}.row .track{width:1.8rem}
.score{display:inline-flex;gap:.35rem;align-items:center;font-size:.8rem;color:var(--muted)}.score b{color:var(--ink);font-variant-numeric:tabular-nums;min-width:1.6rem}
.track{width:3rem;height:.4rem;border-radius:.2rem;background:linear-gradient(to right,var(--muted) var(--value),var(--line) var(--value))}
.pane{background:var(--surface);border:1px solid var(--line);border-radius:8px;min-width:0;display:flex;flex-direction:column}
.pane-bar{display:flex;gap:.4rem;padding:.5rem .8rem;border-bottom:1px solid var(--line)}
.pane-bar button{padding:.15rem .7rem;min-height:2rem}#close{margin-left:auto}
#detail{padding:.8rem 1rem 1.2rem;overflow-y:auto;overflow-wrap:anywhere}#detail:focus-visible{outline-offset:-2px}
.detail-head{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center}.detail-head h3{margin:0 .4rem 0 0}
.chip{font-size:.78rem;color:var(--muted);background:var(--soft);border-radius:99px;padding:.05rem .6rem}
.message{white-space:pre-wrap;border-left:3px solid var(--line);padding-left:.8rem;color:var(--muted);max-width:none}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13.4rem),1fr));gap:.8rem;margin-top:.8rem}
.answer{border-top:1px solid var(--line);padding-top:.7rem;min-width:0}.answer h4{margin:0;font-size:.95rem;flex-basis:100%}
.answer header{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:center}
.answer .text{white-space:pre-wrap;max-width:none;margin:.6rem 0}
.reason{color:var(--none);margin:.5rem 0}.hint{color:var(--muted)}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.5rem 0;font-size:.84rem}.facts div{display:flex;gap:.4rem}.facts dt{color:var(--muted)}.facts dd{margin:0}
summary{cursor:pointer;padding:.2rem 0}
.said h5{margin:.6rem 0 .2rem;font-size:.84rem;color:var(--muted)}.said pre{white-space:pre-wrap;background:var(--soft);border-radius:6px;padding:.5rem .7rem;margin:0;font-size:.86rem}
.tops{list-style:none;padding:0;margin:.4rem 0;font-size:.82rem;display:grid;grid-template-columns:fit-content(12rem) 6rem auto;gap:.1rem .6rem;align-items:center;justify-content:start}.tops li{display:contents}.tops .track{width:6rem}.tops b{font-weight:500}
mark{background:var(--mark);color:inherit;border-radius:2px}
@media (min-width:60rem){.explorer{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}.explorer.several{grid-template-columns:minmax(0,2fr) minmax(0,3fr)}.pane{height:min(76vh,46rem)}#close{display:none}}
@media (max-width:59.99rem){
.pane{display:none}.pane.open{display:flex;position:fixed;inset:8vh 0 0 0;z-index:2;border-radius:14px 14px 0 0;box-shadow:0 0 0 100vmax rgb(0 0 0/.45)}
#list{height:70vh}
}
@media (max-width:30rem){.row .score-name,.row .track{display:none}.row .scores{gap:.3rem}.row .score b{min-width:1.2rem}.controls select{max-width:none;width:100%}.controls label{flex:1 1 8rem}}

.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media print{.controls,.tally,.explorer{display:none}}
`.trimStart();
